"""Trees over a whole table, with numpy: all nodes of all trees at once, level by level.

A block of rows goes down together. What is known of each row decides some nodes, the prototypes that stand in for what
is missing decide others, and a leaf is reached by the pairs (row, prototype) that reach it on both accounts. So the
cost is that of rows plus prototypes, not of their product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from riskml.runtime.members import LARGEST_SINGLE, Trees

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# Rows times nodes and leaves of one block: what fits the processor's cache is three times as fast as what does not.
_BLOCK = 500_000


def single_table(values: Any) -> Any:
    """As :func:`riskml.runtime.members.single`, for an array."""
    import numpy as np

    return np.clip(values, -LARGEST_SINGLE, LARGEST_SINGLE).astype(np.float32).astype(float)


class Forest:
    """The trees of a member as arrays.

    Parameters
    ----------
    trees : Trees
    answer : callable, optional
        Turns an array of outputs, shape (n, outputs), into answers, shape (n, n_answers), and is linear in them but for
        a constant. Leaves then hold answers, and where outputs are spoken of below, answers are meant.
    """

    def __init__(self, trees: Trees, answer: Callable[[Any], Any] = lambda outputs: outputs) -> None:
        import numpy as np

        self.base = answer(np.array([trees.base]))[0]
        outputs = trees.scale * np.array([x for tree in trees.trees for x in tree.leaf]).reshape(-1, trees.outputs)
        self.leaf = answer(outputs) - answer(np.zeros((1, trees.outputs)))
        self.feature = np.array([j for tree in trees.trees for j in tree.feature], dtype=np.intp)
        self.threshold = np.array([x for tree in trees.trees for x in tree.threshold], dtype=float)
        self.roots, self.levels = self._levels(trees)

    def _levels(self, trees: Trees) -> tuple[Any, list[Any]]:
        """Places of the roots; for each level down (child, parent, side) as arrays. Leaves stand after all nodes."""
        import numpy as np

        steps: list[list[tuple[int, int, int]]] = []
        roots, node_place, leaf_place = [], 0, len(self.feature)
        for tree in trees.trees:
            roots.append(node_place if tree.feature else leaf_place)
            depth = [0] * len(tree.feature)
            for node, children in enumerate(zip(tree.left, tree.right, strict=True)):
                for side, child in enumerate(children):
                    place = node_place + child if child >= 0 else leaf_place + ~child
                    if child >= 0:
                        depth[child] = depth[node] + 1
                    if len(steps) <= depth[node]:
                        steps.append([])
                    steps[depth[node]].append((place, node_place + node, side))
            node_place += len(tree.feature)
            leaf_place += len(tree.feature) + 1
        return np.array(roots, dtype=np.intp), [np.array(step, dtype=np.intp).T for step in steps]

    def reached(self, columns: Any, decided: Any) -> Any:
        """Which leaves rows reach if some nodes are decided by ``columns`` and the others let everyone through.

        Parameters
        ----------
        columns : array of shape (n_features, n_rows)
        decided : bool array of shape (n_features,)

        Returns
        -------
        bool array of shape (n_leaves, n_rows)
        """
        import numpy as np

        single = single_table(columns)
        n_nodes, n_rows = len(self.feature), columns.shape[1]
        passes = np.empty((2, n_nodes, n_rows), dtype=bool)
        np.less_equal(single[self.feature], self.threshold[:, None], out=passes[0])
        np.logical_not(passes[0], out=passes[1])
        passes[:, ~decided[self.feature]] = True
        here = np.empty((n_nodes + len(self.leaf), n_rows), dtype=bool)
        here[self.roots] = True
        for child, parent, side in self.levels:
            here[child] = here[parent] & passes[side, parent]
        return here[n_nodes:]

    def mean(self, fixed: Any, moving: Any, weights: Any) -> Any:
        """Outputs for each row, averaged over the prototypes.

        Parameters
        ----------
        fixed : array of shape (n_rows, n_features)
            What the known inputs of each row make up.
        moving : array of shape (n_prototypes, n_features)
            What is added to it from each prototype; equal for all where nothing is missing.
        weights : array of shape (n_prototypes,)

        Returns
        -------
        array of shape (n_rows, outputs)
        """
        import numpy as np

        total = np.zeros((len(fixed), self.leaf.shape[1]))
        for rows, who, mine, theirs in self._pieces(fixed, moving):
            total[rows] += ((self.leaf.T * (theirs @ weights[who])) @ mine.astype(float)).T
        return self.base + total

    def grid(self, fixed: Any, moving: Any) -> Any:
        """Outputs for each row with each prototype, arguments as for :meth:`mean`; (n_rows, n_prototypes, outputs)."""
        import numpy as np

        total = np.empty((len(fixed), len(moving), self.leaf.shape[1]))
        for rows, who, mine, theirs in self._pieces(fixed, moving):
            reached, step = mine.T.astype(float), max(1, _BLOCK // theirs.size)
            for some in (slice(k, k + step) for k in range(0, self.leaf.shape[1], step)):
                leaves = (self.leaf[:, None, some] * theirs[..., None]).reshape(len(theirs), -1)
                total[rows, who, some] = (reached @ leaves).reshape(len(reached), len(who), -1)
        return self.base + total

    def _pieces(self, fixed: Any, moving: Any) -> Iterator[tuple[slice, Any, Any, Any]]:
        """Rows, prototypes, and the leaves that each of them reach, together covering every pair once.

        A feature that is the sum of known and missing inputs depends on both. Prototypes that add the same to all such
        features go together, and what they add goes to the rows.
        """
        import numpy as np

        from_prototypes = (moving != moving[:1]).any(axis=0)
        from_rows = ~from_prototypes | (fixed != fixed[:1]).any(axis=0)
        mixed = from_rows & from_prototypes
        _, group = np.unique(moving[:, mixed], axis=0, return_inverse=True)
        step = max(1, _BLOCK // (len(self.feature) + len(self.leaf)))
        for number in range(group.max() + 1 if len(fixed) else 0):
            who = np.flatnonzero(group.ravel() == number)
            # Here prototypes agree on everything that is decided by rows, and rows on what prototypes decide.
            theirs = self.reached((fixed[:1] + moving[who]).T, ~from_rows)
            for start in range(0, len(fixed), step):
                rows = slice(start, start + step)
                yield rows, who, self.reached((fixed[rows] + moving[who[:1]]).T, from_rows), theirs
