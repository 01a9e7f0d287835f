"""MusicXML: from the bytes of a file to notes, bars and tempi as played."""
