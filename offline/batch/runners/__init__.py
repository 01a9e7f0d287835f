"""What performs the tasks of a batch: this process, others of this machine, a cluster."""
