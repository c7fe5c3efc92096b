"""HTTP: the API that classifies pictures, and its pages. Nothing here is in the sorting path."""
