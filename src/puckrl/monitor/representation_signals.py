"""Define the logged numbers of self-supervised objectives: do they learn, or collapse?"""

from puckrl.monitor.probes import Signal

OBJECTIVES: tuple[Signal, ...] = (
    Signal(
        "train/time_contrastive_loss",
        "nat",
        "symmetric InfoNCE of frames and later frames of their episodes",
        "falls from log B, its chance level in a batch of B",
    ),
    Signal(
        "train/time_contrastive_accuracy",
        "1",
        "share of frames whose own later frame is the nearest in the batch",
        "rises from 1/B; at 1/B the features have collapsed",
    ),
    Signal(
        "train/inverse_dynamics_loss",
        "1",
        "mean squared error of the action predicted from a frame and the next",
        "falls below the variance of actions",
    ),
    Signal(
        "train/inverse_dynamics_r2",
        "1",
        "share of the actions' variance in a batch that this prediction explains",
        "rises from 0; some of it is noise that leaves no trace",
    ),
    Signal(
        "train/masked_patches_loss",
        "1",
        "mean squared error of hidden patches, each with mean 0 and variance 1",
        "falls, and stays above 0: a hidden object cannot be drawn",
    ),
    Signal(
        "train/vae_error",
        "1",
        "VAE: mean squared error of the drawn frame, values in [-0.5, 0.5]",
        "falls; a low one does not mean that small objects are there",
    ),
    Signal(
        "train/vae_kl",
        "nat",
        "VAE: KL(N(μ, σ²) | N(0, 1)) of the code, summed over its numbers",
        "well above 0: at 0 the code says nothing (posterior collapse)",
    ),
    Signal(
        "train/infonce_loss",
        "nat",
        "symmetric InfoNCE of two augmentations of a frame",
        "falls from log B",
    ),
    Signal(
        "train/infonce_accuracy",
        "1",
        "share of frames whose other augmentation is the most similar in the batch",
        "rises from 1/B; at 1/B the features have collapsed",
    ),
    Signal(
        "train/feature_std",
        "1",
        "mean standard deviation of the encoder's features over a batch",
        "well above 0: at 0 all frames look alike (collapse)",
    ),
    Signal(
        "train/actor_heads_grad_norm",
        "1",
        "norm of the gradient of self-supervised heads, where the actor's update trains them",
        "finite",
    ),
    Signal(
        "train/critic_heads_grad_norm",
        "1",
        "the same for the critics' update",
        "finite",
    ),
)
