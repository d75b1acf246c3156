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


def test_models_make_room_by_their_size_the_least_recently_used_first_and_those_of_sketches_last():
    sizes = {"a": 40, "b": 30, "c": 20, "d": 10}
    assert predict.to_unload(sizes, {}, most=100) == []
    assert predict.to_unload(sizes, {}, most=60) == ["a"]
    assert predict.to_unload(sizes, {}, most=59) == ["a", "b"]
    assert predict.to_unload(sizes, {"a"}, most=60) == ["b", "c"]
    assert predict.to_unload(sizes, {"a", "b"}, most=45) == ["c", "a"]
    assert predict.to_unload({"a": 500}, {}, most=100) == []
