"""Running a plan: the list of kernel calls of one forward, carried out by a pool of threads in one native call."""
