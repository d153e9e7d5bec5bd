"""What operators accept: one function for all that carry an operator out, whose errors name the broken clause."""
