"""Networks that find what a phrase names."""

from __future__ import annotations

from pathlib import Path

from .parts import VISION, bert_tokenizer, byte_tokenizer, clip_text, scatter, scattered, write


def grounding_dino(folder: Path, kind: str = "GroundingDino", width: int = 64, queries: int = 20) -> None:
    import transformers as t

    text = t.BertConfig(
        vocab_size=1100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    swin = t.SwinConfig(embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4)
    swin.out_features = ["stage2", "stage3", "stage4"]
    config = getattr(t, f"{kind}Config")(
        backbone_config=swin,
        text_config=text,
        d_model=width,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_queries=queries,
        num_feature_levels=4,
    )
    getattr(t, f"{kind}ForObjectDetection")(config).save_pretrained(folder)
    images = t.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    t.GroundingDinoProcessor(images, bert_tokenizer()).save_pretrained(folder)


def grounding_dino_of_both(folder: Path) -> None:
    """A GroundingDinoForObjectDetection of transformers of the width that the package has built in."""
    grounding_dino(folder, width=256, queries=12)
    scatter(folder)


def groundingdino(folder: Path) -> None:
    """The package's own network and its text encoder, a folder each."""
    import json

    import transformers as t

    from diptych.tools.detectors.grounding_dino_network import FACTS, build

    swin = {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 4}
    small = {"nheads": 2, "enc_layers": 1, "dec_layers": 2, "dim_feedforward": 32, "num_queries": 12}
    bert = t.BertModel(
        t.BertConfig(vocab_size=1100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    )
    bert.save_pretrained(folder / "text")
    bert_tokenizer().save_pretrained(folder / "text")
    network = build({**FACTS, **small}, swin, bert, bert_tokenizer())
    write(folder / "network", scattered(network.state_dict()))
    (folder / "network" / "config.json").write_text(json.dumps({**small, "swin": swin, "sides": [64, 96]}))


def owl(folder: Path) -> None:
    import transformers as t

    tokenizer = byte_tokenizer(40)
    config = t.Owlv2Config(
        text_config=clip_text(tokenizer, max_position_embeddings=40),
        vision_config={**VISION, "image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    t.Owlv2ForObjectDetection(config).save_pretrained(folder)
    images = t.Owlv2ImageProcessor(size={"height": 64, "width": 64})
    t.Owlv2Processor(images, tokenizer).save_pretrained(folder)
