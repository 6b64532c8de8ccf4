"""Networks that compare images with words, or describe them."""

from __future__ import annotations

from pathlib import Path

from .parts import VISION, WORDS, bert_tokenizer, byte_tokenizer, clip_text


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
