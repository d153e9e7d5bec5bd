"""What runtimes are judged on: texts for whole models, and operator cases from the goldens."""
