"""Visual wake words: MobileNetV1 0.25 on 96x96x3."""
