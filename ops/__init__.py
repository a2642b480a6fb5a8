"""Operations on a stack from outside its graph: reading its outputs, verifying it, writing `.env`, erasing it."""
