"""Raw months -> predictions of the champion, trip by trip."""
