"""Faces and text, found in pictures to be coded better: by an optional extra, without torch."""
