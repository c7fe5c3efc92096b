"""Smart bin: what runs on the Raspberry Pi. Never imports convert, TensorFlow or Keras."""
