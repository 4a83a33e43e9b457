"""Optimiser roles: every parameter of what is trained together has the one that it is meant to have."""

from lcomp.networks.roles import Role, role_of
from lcomp.training.joint import JointModels
from lcomp.training.recipe import Recipe, Stage
from lcomp.training.run import make_optimizers
from lcomp.zoo.registry import ModelInfo

RECIPE = Recipe(
    1.0, (Stage(0.0, 64, 1),), lr_entropy=1.0, lr_vectors=2.0, lr_small=3.0, lr_transforms=4.0, lr_linear=5.0
)


def test_parameters_have_the_roles_of_their_networks(context_info: ModelInfo, sr_info: ModelInfo) -> None:
    models = JointModels(context_info.architecture, context_info.context, sr_info.decoder)
    roles = {name: role_of(parameter) for name, parameter in models.named_parameters()}
    assert {roles["backbone.g_a.linear"], roles["backbone.g_s.draft.linear"]} == {Role.LINEAR}
    assert {role for name, role in roles.items() if name.endswith(".points")} == {Role.VECTORS}
    assert {role for name, role in roles.items() if name.endswith(".bias")} == {Role.SMALL}
    weights = {name: role for name, role in roles.items() if name.endswith(".weight")}
    transforms = {name for name in weights if name.startswith(("backbone.g_", "enhancer."))}
    assert {weights[name] for name in transforms} == {Role.TRANSFORMS}
    linear_path = {"backbone.h_s.path.weight", "backbone.h_s.expand.weight"}
    assert {roles[name] for name in linear_path | {"backbone.h_a.path"}} == {Role.SMALL}
    assert {weights[name] for name in weights.keys() - transforms - linear_path} == {Role.ENTROPY}


def test_each_role_has_its_rate_and_all_parameters_are_trained(context_info: ModelInfo) -> None:
    models = JointModels(context_info.architecture, context_info.context, None)
    groups = [group for optimizer in make_optimizers(models, RECIPE) for group in optimizer.param_groups]
    for group in groups:
        assert {RECIPE.rate_of(role_of(parameter)) for parameter in group["params"]} <= {group["peak"]}
    trained = [parameter for group in groups for parameter in group["params"]]
    assert len(trained) == len(set(map(id, trained))) == len(list(models.parameters()))
