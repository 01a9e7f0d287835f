"""Outward: sounds, states and cues to MQTT brokers and web servers."""
