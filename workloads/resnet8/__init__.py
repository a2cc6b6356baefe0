"""ResNet-8: image classification on 32x32x3."""
