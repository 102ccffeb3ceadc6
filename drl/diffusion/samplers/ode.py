"""The probability-flow ODE (Song et al. 2021, Eq. 13), solved by scipy as in Song's and the authors' code."""

from __future__ import annotations

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from drl.diffusion.samplers.chain import Score
from drl.diffusion.samplers.steps import Grid, reverse_diffusion
from drl.errors import UserError


def solve_ode(
    score: Score,
    grid: Grid,
    start: Tensor,
    t_init: float,
    z: Tensor | None = None,
    tolerance: float = 1e-5,
    denoise: bool = True,
) -> tuple[Tensor, int]:
    """Integrate dx/dt = f(x, t) - g(t)^2 s(x, t, z) / 2 from t_init to epsilon.

    The solver chooses its steps for the whole batch, so within the tolerance an image depends on its batch.

    Args:
        score: s(x_t, t, z).
        grid: Gives the SDE and epsilon, the t at which the integration ends.
        start: x at t_init [B, C, H, W].
        t_init: In (epsilon, 1].
        z: Codes [B, D], or None.
        tolerance: rtol and atol. Song: 1e-5.
        denoise: Remove the remaining noise at epsilon, by the mean of one reverse diffusion step.

    Returns:
        x_0 [B, C, H, W] and the number of score evaluations.

    Raises:
        UserError: If the score is not finite, or the solver gives up.
    """
    sde = grid.sde

    def slope(t: float, flat: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(flat.reshape(start.shape)).to(start)
        times = torch.full((len(x),), t, device=x.device)
        one = times[:1]
        value = sde.drift(x, one) - 0.5 * sde.diffusion(one) ** 2 * score(x, times, z)
        # Otherwise the solver would halve its step forever.
        if not bool(value.isfinite().all()):
            raise UserError(f"the score is not finite at t = {t:.3g}; train the model longer")
        return value.double().cpu().numpy().ravel()

    initial = start.double().cpu().numpy().ravel()
    found = solve_ivp(slope, (t_init, grid.epsilon), initial, method="RK45", rtol=tolerance, atol=tolerance)
    if not found.success:
        raise UserError(f"the ODE solver stopped at t = {found.t[-1]:.3g}: {found.message}; train the model longer")
    x = torch.from_numpy(found.y[:, -1].reshape(start.shape)).to(start)
    evaluations = int(found.nfev)
    if denoise:
        last = grid.steps - 1
        times = torch.full((len(x),), grid.epsilon, device=x.device)
        _, x = reverse_diffusion(grid, last, x, score(x, times, z), torch.zeros_like(x))
        evaluations += 1
    return x, evaluations
