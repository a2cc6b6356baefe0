"""Keyword spotting: DS-CNN on 49x10 cepstral coefficients."""
