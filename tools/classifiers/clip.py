"""Images against words by CLIP (Radford et al., ICML 2021, arXiv 2103.00020) and SigLIP (arXiv 2303.15343).

ALIGN (arXiv 2102.05918) is the same idea, and the same calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from .. import hub
from ..model import Classifier, Matcher
from ..values import Image, Labels

CLASSES = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model", "align": "AlignModel"}
"""Architecture in a checkpoint's config → class of transformers."""

TEMPLATES = (
    "{}",
    "a photo of a {}",
    "a photo of the {}",
    "a close-up photo of a {}",
    "a picture of a {}",
    "a drawing of a {}",
    "an image that shows {}",
)
"""Sentences a label is put into; the mean of their embeddings stands for it (prompt ensemble of the CLIP paper)."""

_LONGEST = 1024
_AT_ONCE = 64
"""Sentences embedded in one pass."""
_MOST = 77
"""Tokens of a sentence that are read: what CLIP places, and more than ALIGN was trained with."""


class Clip(hub.Movable, Classifier, Matcher):
    """Places images and sentences in one space; near means alike. An image is embedded once for all prompts."""

    memory_mb: ClassVar[int] = 2500

    def __init__(self, loaded: hub.Loaded) -> None:
        self._model, self._processor = loaded.model, loaded.processor
        self._memo = hub.Memo(64)

    @classmethod
    def load(cls, source: str | Mapping[str, str], *, device: str = "cpu", dtype: str = "float32") -> Self:
        """Load a checkpoint. Raises ToolError as `hub.load` does."""
        return cls(hub.load(CLASSES, source, device=device, dtype=dtype))

    def classify(self, image: Image, labels: Sequence[str]) -> Labels:
        """Return the probability of each label, summing to 1: a softmax over the labels, also for SigLIP."""
        return self.classify_many([image], [labels])[0]

    def classify_many(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Labels]:
        """Choose for each image between its own labels; the images pass the network together."""
        asked = [tuple(dict.fromkeys(names)) for names in labels]
        ensembles = {names: self._ensemble(names) for names in dict.fromkeys(asked)}
        pairs = zip(self._images(images), asked, strict=True)
        return [self._chosen(embedding, names, ensembles[names]) for embedding, names in pairs]

    def _ensemble(self, names: Sequence[str]) -> Any:
        """Return unit embeddings float32 (L, D) of labels."""
        sentences = [template.format(name) for name in names for template in TEMPLATES]
        ensemble = self._texts(sentences).reshape(len(names), len(TEMPLATES), -1).mean(dim=1)  # (L, D)
        return ensemble / ensemble.norm(dim=-1, keepdim=True)

    def _chosen(self, image: Any, names: Sequence[str], ensemble: Any) -> Labels:
        """Return the probabilities of labels with embeddings (L, D) for an image embedding (D,)."""
        import torch

        logits = hub.checked(self._scale * ensemble @ image, "the classifier")  # (L,)
        return Labels(dict(zip(names, torch.softmax(logits, dim=0).tolist(), strict=True)))

    @property
    def _scale(self) -> Any:
        """Return what the network multiplies cosines by."""
        model = self._model
        return 1 / model.temperature.float() if hasattr(model, "temperature") else model.logit_scale.float().exp()

    def similarity(self, image: Image, text: str) -> float:
        """Return the cosine of the image's and the text's embedding, in [-1, 1]."""
        return self.similarity_many([image], [text])[0]

    def similarity_many(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        """Compare each image with its own text; images, and texts, pass the network together."""
        pairs = zip(self._images(images), self._texts(texts), strict=True)
        cosines = [hub.checked(words @ image, "the matcher") for image, words in pairs]
        return [float(cosine.clamp(-1, 1)) for cosine in cosines]

    def _images(self, images: Sequence[Image]) -> list[Any]:
        """Return the unit embedding float32 (D,) of each image; those that are not known yet in one pass."""
        vectors = {image: self._memo.find(image) for image in images}
        new = [image for image, vector in vectors.items() if vector is None]
        for image, vector in zip(new, self._encode(new) if new else (), strict=True):
            vectors[image] = vector
            self._memo.keep(image, vector)
        return [vectors[image] for image in images]

    def _encode(self, images: Sequence[Image]) -> Any:
        """Return the unit embeddings float32 (N, D) of images."""
        import torch

        pixels = [hub.opaque(image, _LONGEST) for image in images]
        inputs = self._processor(images=pixels, input_data_format="channels_last", return_tensors="pt")
        with torch.inference_mode():
            return _unit(self._model.get_image_features(**_cast(inputs, self._model)))

    def _texts(self, texts: Sequence[str]) -> Any:
        """Return unit embeddings float32 (N, D) of sentences."""
        import torch

        tokenizer, limit = self._processor.tokenizer, min(self._model.config.text_config.max_position_embeddings, _MOST)
        fitting = [hub.fitted(tokenizer, text, limit, "text") for text in texts]
        found = []
        for start in range(0, len(fitting), _AT_ONCE):
            # SigLIP was trained on text padded to its full length, and CLIP does not mind.
            inputs = tokenizer(
                fitting[start : start + _AT_ONCE], padding="max_length", max_length=limit, return_tensors="pt"
            )
            with torch.inference_mode():
                found.append(_unit(self._model.get_text_features(**_cast(inputs, self._model))))
        return torch.cat(found)


def _cast(inputs: Any, model: Any) -> dict[str, Any]:
    """Move tensors to the model's device, and those that hold fractions to its precision."""
    moved = {name: tensor.to(model.device) for name, tensor in inputs.items() if name != "token_type_ids"}
    return {name: tensor.to(model.dtype) if tensor.is_floating_point() else tensor for name, tensor in moved.items()}


def _unit(output: Any) -> Any:
    """Return float32 (N, D) of length 1, from what transformers gives: a tensor, or an output with `pooler_output`."""
    vectors = getattr(output, "pooler_output", output).float()
    return vectors / vectors.norm(dim=-1, keepdim=True)
