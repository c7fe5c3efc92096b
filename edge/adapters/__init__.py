"""Hardware, network and disk: one module for each thing outside the process. Only edge.app names them."""
