"""Import contracts of our own, for import-linter; pyproject.toml names them."""

import grimp
from importlinter import Contract, ContractCheck, fields, output


class OwnRepositoryContract(Contract):
    """`<package>.<domain>.repository` is imported by modules of `<package>.<domain>` alone."""

    type_name = "own_repository"

    package = fields.StringField()

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        """Every import of a repository from another domain is one breach."""
        breaches = [
            (importer, module)
            for module in sorted(graph.find_children(str(self.package)))
            for repository in [f"{module}.repository"]
            if repository in graph.modules
            for importer in sorted(graph.find_modules_that_directly_import(repository))
            if not importer.startswith(f"{module}.")
        ]
        return ContractCheck(kept=not breaches, metadata={"breaches": breaches})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Say who reaches where."""
        for importer, domain in check.metadata["breaches"]:
            output.print_error(f"{importer} imports {domain}.repository: call {domain}.service instead")
