"""Cases and strategies that operators of one kind share."""
