import pytest
from sklearn.datasets import load_sample_image

from core.learn import predict


@pytest.mark.slow
def test_what_the_pretrained_network_sees():
    seen = predict.imagenet(load_sample_image("flower.jpg"))
    labels, shares = zip(*seen, strict=True)
    assert len(set(labels)) == 5
    assert "daisy" in labels
    assert list(shares) == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1
    assert predict.imagenet(load_sample_image("flower.jpg"), top=2) == seen[:2]
