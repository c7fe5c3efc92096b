"""What runs on a workstation: class folders of images -> trained model -> packaged TFLite file."""
