"""Training of pitch salience."""
