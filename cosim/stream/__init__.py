"""Networks that live from frame to frame and recompute the patches that changed, compiled into one program a frame."""
