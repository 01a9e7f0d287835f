"""Sound that the project makes itself: performances, songs, singing, alarms and textures."""
