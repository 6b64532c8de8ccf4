"""Random checkpoints of the real classes, a few hundred kilobytes each, in the folder layout of the hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HubFolder = Callable[[str], Path]
"""From the name of a tiny checkpoint to its folder, which is to be treated as read-only."""

WORDS = ("a", "photo", "of", "cat", "dog", "red", "circle", "blue", "square", "the", "what", "is", "this", "in")
RGB = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def bert_tokenizer() -> Any:
    """A word list with the token ids that Grounding DINO has built in."""
    from transformers import BertTokenizerFast

    vocab = {f"[unused{i}]": i for i in range(1100)}
    fixed = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    placed = {**fixed, **{word: 1030 + i for i, word in enumerate(WORDS)}}
    taken = set(placed.values())
    return BertTokenizerFast(vocab={**{name: i for name, i in vocab.items() if i not in taken}, **placed})


def byte_tokenizer(length: int = 77) -> Any:
    """CLIP's tokenizer over single bytes: no merges, so that a word is as many tokens as it has letters."""
    from transformers import CLIPTokenizer

    letters = [chr(i) for i in range(33, 127)]
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocab = {name: i for i, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=length)


def clip_text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """Facts of a tiny CLIP text encoder."""
    ids = tokenizer.get_vocab()
    return {
        "vocab_size": len(ids),
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "max_position_embeddings": 77,
        "bos_token_id": ids["<|startoftext|>"],
        "eos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"],
        **more,
    }


VISION = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 2}


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


def scattered(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Random numbers for every weight: what a library leaves at zero would hide where two networks differ.

    Boxes stay near their anchors, away from the edges, where the two Grounding DINOs cut off at different distances.
    """
    import torch

    random = torch.Generator().manual_seed(0)

    def drawn(name: str, tensor: Any) -> Any:
        if not tensor.is_floating_point():
            return tensor
        middle = 1.0 if tensor.dim() == 1 and name.endswith("weight") else 0.0  # the weights of norms
        return middle + torch.randn(tensor.shape, generator=random) * (0.02 if "bbox_embed" in name else 0.2)

    return {name: drawn(name, tensor) for name, tensor in tensors.items()}


def write(folder: Path, tensors: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    copies = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(copies, folder / "model.safetensors", {"format": "pt"})


def scatter(folder: Path) -> None:
    """Give the weights that lie in a folder random numbers."""
    from safetensors.torch import load_file

    write(folder, scattered(load_file(folder / "model.safetensors")))


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


def sam(folder: Path) -> None:
    import transformers as t

    vision = {**VISION, "mlp_dim": 32, "output_channels": 32, "image_size": 64, "patch_size": 8, "window_size": 4}
    config = t.SamConfig(
        vision_config={**vision, "global_attn_indexes": [1], "num_pos_feats": 16},
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
    )
    t.SamModel(config).save_pretrained(folder)
    images = t.SamImageProcessor(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64})
    t.SamProcessor(images).save_pretrained(folder)


def segment_anything(folder: Path) -> None:
    """The package's own network, under its own names."""
    from functools import partial

    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
    from torch.nn import LayerNorm

    encoder = ImageEncoderViT(
        img_size=64,
        patch_size=8,
        embed_dim=32,
        depth=2,
        num_heads=4,
        out_chans=32,
        norm_layer=partial(LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=4,
        global_attn_indexes=(1,),
    )
    two_way = TwoWayTransformer(depth=2, embedding_dim=32, num_heads=8, mlp_dim=32)
    decoder = MaskDecoder(transformer_dim=32, transformer=two_way, iou_head_hidden_dim=32)
    write(folder, scattered(Sam(encoder, PromptEncoder(32, (8, 8), (64, 64), 4), decoder).state_dict()))


def sam_of_both(folder: Path) -> None:
    """A SamModel of transformers with what the package has built in: eight heads, and an epsilon of 1e-5 in norms."""
    import transformers as t

    sam(folder)
    config = t.SamConfig.from_pretrained(folder)
    config.mask_decoder_config.num_attention_heads = 8
    config.mask_decoder_config.layer_norm_eps = 1e-5
    config.save_pretrained(folder)
    scatter(folder)


def grounding_dino_of_both(folder: Path) -> None:
    """A GroundingDinoForObjectDetection of transformers of the width that the package has built in."""
    grounding_dino(folder, width=256, queries=12)
    scatter(folder)


def sam2(folder: Path) -> None:
    import transformers as t

    hiera = t.Sam2HieraDetConfig(
        hidden_size=8,
        num_attention_heads=1,
        image_size=[64, 64],
        patch_kernel_size=[7, 7],
        patch_stride=[4, 4],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 4, 2],
        window_positional_embedding_background_size=[4, 4],
        global_attention_blocks=[3],
    )
    vision = t.Sam2VisionConfig(
        backbone_config=hiera,
        backbone_channel_list=[64, 32, 16, 8],
        fpn_hidden_size=32,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )
    config = t.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 32},
    )
    t.Sam2Model(config).save_pretrained(folder)
    t.Sam2Processor(t.Sam2ImageProcessor(size={"height": 64, "width": 64})).save_pretrained(folder)


def clip(folder: Path) -> None:
    import transformers as t

    tokenizer = byte_tokenizer()
    config = t.CLIPConfig(
        text_config=clip_text(tokenizer),
        vision_config={**VISION, "image_size": 32, "patch_size": 8},
        projection_dim=32,
    )
    t.CLIPModel(config).save_pretrained(folder)
    images = t.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    t.CLIPProcessor(images, tokenizer).save_pretrained(folder)


def align(folder: Path) -> None:
    import transformers as t

    vision = {
        "image_size": 32,
        "width_coefficient": 1.0,
        "depth_coefficient": 1.0,
        "hidden_dim": 32,
        "in_channels": [32, 8],
        "out_channels": [8, 32],
        "kernel_sizes": [3, 3],
        "strides": [1, 2],
        "num_block_repeats": [1, 1],
        "expand_ratios": [1, 2],
        "depthwise_padding": [],
    }
    text = {**VISION, "vocab_size": 1100, "max_position_embeddings": 80}
    t.AlignModel(t.AlignConfig(text_config=text, vision_config=vision, projection_dim=32)).save_pretrained(folder)
    images = t.EfficientNetImageProcessor(size={"height": 32, "width": 32})
    t.AlignProcessor(images, bert_tokenizer()).save_pretrained(folder)


def siglip2(folder: Path) -> None:
    """The kind that sees an image in its own proportions."""
    import transformers as t

    text = {**VISION, "vocab_size": 1100, "max_position_embeddings": 16, "projection_size": 32}
    config = t.Siglip2Config(text_config=text, vision_config={**VISION, "num_patches": 16, "patch_size": 16})
    t.Siglip2Model(config).save_pretrained(folder)
    t.Siglip2Processor(t.Siglip2ImageProcessor(), bert_tokenizer()).save_pretrained(folder)


def siglip(folder: Path) -> None:
    import transformers as t

    tokenizer = bert_tokenizer()
    text = {**VISION, "vocab_size": 1100, "max_position_embeddings": 16, "projection_size": 32}
    config = t.SiglipConfig(text_config=text, vision_config={**VISION, "image_size": 32, "patch_size": 8})
    t.SiglipModel(config).save_pretrained(folder)
    t.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    t.SiglipProcessor(t.SiglipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)


def blip(folder: Path, task: str) -> None:
    import transformers as t

    tokenizer = bert_tokenizer()
    text = {**VISION, "vocab_size": 1100, "max_position_embeddings": 32, "encoder_hidden_size": 32}
    marks = {"bos_token_id": 101, "sep_token_id": 102, "eos_token_id": 102, "pad_token_id": 0}
    config = t.BlipConfig(
        text_config={**text, **marks},
        vision_config={**VISION, "image_size": 32, "patch_size": 8},
        projection_dim=32,
        image_text_hidden_size=32,
    )
    getattr(t, f"BlipFor{task}")(config).save_pretrained(folder)
    t.BlipProcessor(t.BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)


def florence(folder: Path) -> None:
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers

    marks = ["<s>", "<pad>", "</s>", "<unk>", "<image>"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*marks, *WORDS])}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = t.PreTrainedTokenizerFast(
        tokenizer_object=raw, **names, extra_special_tokens={"image_token": "<image>"}, model_max_length=64
    )
    config = t.Florence2Config(
        text_config={
            "model_type": "bart",
            "vocab_size": len(tokenizer),
            "d_model": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "decoder_ffn_dim": 32,
            "max_position_embeddings": 64,
        },
        vision_config={
            "embed_dim": [8, 8, 16, 16],
            "num_heads": [2, 2, 2, 2],
            "num_groups": [2, 2, 2, 2],
            "depths": [1, 1, 1, 1],
            "window_size": 2,
            "projection_dim": 32,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    model = t.Florence2ForConditionalGeneration(config)
    words = model.get_input_embeddings().weight.data  # the head's too
    words.normal_()[: len(marks)] = 0  # so that it says words, and not that it is done
    model.save_pretrained(folder)
    images = t.CLIPImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False)
    images.image_seq_length = 2 * 2 + 1
    t.Florence2Processor(images, tokenizer).save_pretrained(folder)


def vision_language(folder: Path) -> None:
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers

    marks = ["<|unk|>", "<|pad|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"]
    words = [*WORDS, "user", "assistant", ":", ".", "Describe", "image", "one", "or", "two", "sentences", "briefly"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*marks, *words])}, unk_token="<|unk|>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = t.PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<|unk|>", pad_token="<|pad|>", eos_token="<|im_end|>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": marks[3:]})
    config = t.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 37,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 1024,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "mrope_section": [4, 2, 2],
                "mrope_interleaved": True,
            },
            "eos_token_id": 2,
            "pad_token_id": 1,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 37,
            "num_heads": 2,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "out_hidden_size": 32,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=3,
        video_token_id=4,
        vision_start_token_id=5,
        vision_end_token_id=6,
    )
    t.Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    template = (
        "{% for message in messages %}{{ message['role'] }} : {% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}"
        "{% endif %} {% endfor %}{% endfor %}assistant :"
    )
    size = {"shortest_edge": 16 * 16, "longest_edge": 64 * 64}
    images = t.Qwen2VLImageProcessor(patch_size=8, merge_size=2, size=size)
    videos = t.Qwen3VLVideoProcessor(patch_size=8, merge_size=2)
    t.Qwen3VLProcessor(images, tokenizer, videos, chat_template=template).save_pretrained(folder)


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
    vae = d.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    )
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
    vae = d.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    )
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


MAKERS: dict[str, Callable[[Path], None]] = {
    "grounding-dino": grounding_dino,
    "mm-grounding-dino": lambda folder: grounding_dino(folder, "MMGroundingDino"),
    "grounding-dino-of-both": grounding_dino_of_both,
    "groundingdino": groundingdino,
    "owl": owl,
    "sam": sam,
    "sam-of-both": sam_of_both,
    "segment-anything": segment_anything,
    "sam2": sam2,
    "clip": clip,
    "siglip": siglip,
    "siglip2": siglip2,
    "align": align,
    "blip-captioner": lambda folder: blip(folder, "ConditionalGeneration"),
    "blip-answerer": lambda folder: blip(folder, "QuestionAnswering"),
    "florence": florence,
    "vision-language": vision_language,
    "diffusion": stable_diffusion,
    "cogview4": cogview4,
    "inpaint-9": lambda folder: stable_diffusion(folder, pipeline="StableDiffusionInpaintPipeline", channels=9),
    "instruct": lambda folder: stable_diffusion(folder, pipeline="StableDiffusionInstructPix2PixPipeline", channels=8),
}
"""Name → what writes such a checkpoint into an empty folder."""
