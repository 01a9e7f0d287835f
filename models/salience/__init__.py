"""The network of pitch salience."""
