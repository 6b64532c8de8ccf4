"""Networks that cut out the objects in boxes."""

from __future__ import annotations

from pathlib import Path

from .parts import VISION, scatter, scattered, write


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


def sam_of_both(folder: Path) -> None:
    """A SamModel of transformers with what the package has built in: eight heads, and an epsilon of 1e-5 in norms."""
    import transformers as t

    sam(folder)
    config = t.SamConfig.from_pretrained(folder)
    config.mask_decoder_config.num_attention_heads = 8
    config.mask_decoder_config.layer_norm_eps = 1e-5
    config.save_pretrained(folder)
    scatter(folder)


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
