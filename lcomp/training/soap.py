"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas 2024, arXiv 2409.11321), for convolution weights.

The momentum is kept in the eigenbasis, so that a step costs two rotations instead of three; rotations run in bf16 where
the device multiplies that in hardware.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lcomp.model.precision import prefers_bf16

LARGEST_SIDE = 768
"""Sides beyond this length are not rotated: their eigenvectors cost more than they bring."""


class Side:
    """Covariance of a weight's gradients along its output or input channels (Shampoo), and its eigenvectors."""

    def __init__(self, covariance: Tensor) -> None:
        self.covariance = covariance
        # in fp32 some libraries fail on, or return NaN for, small matrices of low rank
        self.basis = torch.linalg.eigh(covariance.double()).eigenvectors.flip(1).float().contiguous()
        self.type = torch.bfloat16 if prefers_bf16(covariance.device) else torch.float32
        self.rounded = self.basis.to(self.type)

    def refresh(self) -> Tensor:
        """One round of power iteration; returns the order in which the old basis vectors now stand."""
        product = self.covariance @ self.basis
        order = (self.basis * product).sum(0).argsort(descending=True)
        self.basis = torch.linalg.qr(product[:, order]).Q.contiguous()
        self.rounded = self.basis.to(self.type)
        return order


class Rotation:
    """The eigenbases of one weight [O, I, h, w], seen as O x (h w) x I; None where a side is too long."""

    def __init__(self, gradient: Tensor) -> None:
        covariances = self.covariances(gradient)
        self.out, self.into = (Side(one) if len(one) <= LARGEST_SIDE else None for one in covariances)

    @staticmethod
    def covariances(gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Covariances [O, O] and [I, I] of a gradient [O, h w, I]."""
        rows, columns = gradient.flatten(1), gradient.flatten(0, 1)
        return rows @ rows.T, columns.T @ columns

    def observe(self, gradient: Tensor, share: float) -> None:
        """Update the moving averages of the covariances with a gradient."""
        rows, columns = gradient.flatten(1), gradient.flatten(0, 1)
        if self.out is not None:
            self.out.covariance.lerp_(rows @ rows.T, share)
        if self.into is not None:
            self.into.covariance.lerp_(columns.T @ columns, share)

    def forward(self, x: Tensor) -> Tensor:
        """Rotate x [O, h w, I] into the eigenbases."""
        shape = x.shape
        if self.out is not None:
            x = (self.out.rounded.T @ x.flatten(1).to(self.out.type)).view(shape)
        if self.into is not None:
            x = x.to(self.into.type) @ self.into.rounded
        return x.float()

    def backward(self, x: Tensor) -> Tensor:
        """Rotate x [O, h w, I] out of the eigenbases."""
        shape = x.shape
        if self.out is not None:
            x = (self.out.rounded @ x.flatten(1).to(self.out.type)).view(shape)
        if self.into is not None:
            x = x.to(self.into.type) @ self.into.rounded.T
        return x.float()


def view3(weight: Tensor) -> Tensor:
    """A convolution weight [O, I, h, w] as [O, h w, I], without a copy where it is stored channels last."""
    return weight.permute(0, 2, 3, 1).flatten(1, 2)


class Soap(torch.optim.Optimizer):
    """SOAP without weight decay."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        betas: tuple[float, float] = (0.95, 0.95),
        observe_every: int = 4,
        refresh_every: int = 20,
    ) -> None:
        super().__init__(groups, {"lr": 1e-3})
        self.betas, self.observe_every, self.refresh_every = betas, observe_every, refresh_every

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update; the first gradient only sets up the eigenbases."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.update(weight, group["lr"])

    def update(self, weight: nn.Parameter, rate: float) -> None:
        """Update one weight."""
        state = self.state[weight]
        assert weight.grad is not None
        gradient = view3(weight.grad)
        if not state:
            state.update(step=0, momentum=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
            state["rotation"] = Rotation(gradient)
            return
        rotation: Rotation = state["rotation"]
        state["step"] += 1
        step, (beta, beta_square) = state["step"], self.betas
        rotated = rotation.forward(gradient)
        momentum, square = state["momentum"], state["square"]
        momentum.lerp_(rotated, 1 - beta)
        square.lerp_(rotated.square_(), 1 - beta_square)
        scale = (1 - beta_square**step) ** 0.5 / (1 - beta**step)
        # with equal betas |momentum| <= sqrt(square) (Cauchy-Schwarz), except after a change of basis: hence the clamp
        change = rotation.backward((momentum / square.sqrt().add_(1e-10)).clamp_(-1, 1))
        height, width = weight.shape[2:]
        change = change.view(len(weight), height, width, -1).permute(0, 3, 1, 2)
        weight.add_(change, alpha=-rate * scale)
        if step % self.observe_every == 0:
            rotation.observe(gradient, 1 - beta_square**self.observe_every)
        if step % self.refresh_every == 0:
            self.refresh(state)

    def refresh(self, state: dict[str, Any]) -> None:
        """Refresh the eigenbases of one weight from its covariances, and move its state into them."""
        rotation: Rotation = state["rotation"]
        momentum = rotation.backward(state["momentum"])
        if rotation.out is not None:
            state["square"] = state["square"][rotation.out.refresh()]
        if rotation.into is not None:
            state["square"] = state["square"][:, :, rotation.into.refresh()].contiguous()
        state["momentum"] = rotation.forward(momentum)


torch.serialization.add_safe_globals([Side, Rotation])  # checkpoints hold them
