"""Hardware, network and disk: one module for each thing outside. edge.fittings and edge.chosen make most of them."""
