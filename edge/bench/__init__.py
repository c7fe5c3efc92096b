"""`smartbin bench`: the runtimes side by side on the same image, then the whole item from the frame to the flap."""
