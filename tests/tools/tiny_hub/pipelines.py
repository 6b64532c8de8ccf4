"""Pipelines that draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .parts import bert_tokenizer, byte_tokenizer, clip_text


def stable_diffusion(folder: Path, *, pipeline: str = "StableDiffusionPipeline", channels: int = 4) -> None:
    """A pipeline folder trained at 32 pixels, on paper: 4 (text), 8 (instruction) or 9 (inpainting) input channels."""
    import diffusers as d
    import transformers as t

    unet = d.UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=4,
    )
    vae = _autoencoder()
    tokenizer = byte_tokenizer()
    text = t.CLIPTextModel(t.CLIPTextConfig(**clip_text(tokenizer)))
    scheduler = d.DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    parts = {"unet": unet, "vae": vae, "tokenizer": tokenizer, "text_encoder": text, "scheduler": scheduler}
    rest = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    getattr(d, pipeline)(**parts, **rest).save_pretrained(folder)


def cogview4(folder: Path) -> None:
    """CogView 4: a transformer that flows, behind the embeddings of a small GLM."""
    import diffusers as d
    import transformers as t

    transformer = d.CogView4Transformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=4,
        num_attention_heads=4,
        text_embed_dim=32,
        time_embed_dim=8,
        condition_dim=4,
        sample_size=16,
    )
    vae = _autoencoder()
    text = t.GlmConfig(
        vocab_size=1100,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        pad_token_id=0,
        eos_token_id=102,
    )
    d.CogView4Pipeline(
        tokenizer=bert_tokenizer(),
        text_encoder=t.GlmModel(text),
        vae=vae,
        transformer=transformer,
        scheduler=d.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    ).save_pretrained(folder)


def _autoencoder() -> Any:
    import diffusers

    return diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    )
