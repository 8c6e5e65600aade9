"""Sign symmetries: classes of monomials that no equation of the system joins."""

from __future__ import annotations

import numpy as np

from ._flat import FlatMap, Integers, Keys
from ._system import starts


def sign_codes(flat: FlatMap) -> Keys:
    """64-bit codes of the variables; each bit is a sign symmetry of the map.

    Changing the signs of the variables that have a given bit multiplies each coordinate by a sign: the exclusive or of
    the codes of the odd variables is the same for all terms of a coordinate. So each equation of the system joins only
    monomials with equal codes. The codes are random among those with this property, found by adding relations until all
    terms agree. Too few symmetries would cost time, not correctness.
    """
    drawn = np.random.default_rng(0).integers(0, 2**64, flat.parameters, dtype=np.uint64)
    if not len(flat.term):
        return drawn
    codes: list[int] = drawn.tolist()
    order = np.argsort(flat.term, kind="stable")
    odd = flat.exponent[order] % 2 == 1
    variable = flat.variable[order]
    begin = np.flatnonzero(starts(flat.term[order]))
    new_owner = starts(flat.owner)
    first = np.flatnonzero(new_owner)[np.cumsum(new_owner) - 1]
    ends = np.append(begin[1:], len(variable))
    relations: dict[int, int] = {}
    while True:
        table = np.array(codes, dtype=np.uint64)
        sums = np.bitwise_xor.reduceat(np.where(odd, table[variable], np.uint64(0)), begin)
        wrong = np.flatnonzero(sums != sums[first])
        if not len(wrong):
            return table
        for number in wrong[: flat.parameters].tolist():
            relation = 0
            for low, high in ((begin[n], ends[n]) for n in (number, first[number])):
                relation ^= sum(1 << v for v in variable[low:high][odd[low:high]].tolist())
            _add(relations, relation)
        for pivot, row in relations.items():
            codes[pivot] = int(np.bitwise_xor.reduce(table[_members(row ^ 1 << pivot)]))


def _add(relations: dict[int, int], relation: int) -> None:
    """Adds a relation to a reduced echelon form over GF(2): sets of variables as bits, by their pivots."""
    for pivot, row in relations.items():
        if relation >> pivot & 1:
            relation ^= row
    if not relation:
        return
    new = relation.bit_length() - 1
    for pivot, row in relations.items():
        if row >> new & 1:
            relations[pivot] = row ^ relation
    relations[new] = relation


def _members(bits: int) -> Integers:
    whole = np.frombuffer(bits.to_bytes(bits.bit_length() // 8 + 1, "little"), dtype=np.uint8)
    return np.flatnonzero(np.unpackbits(whole, bitorder="little"))


def classes(columns: Integers, flat: FlatMap) -> tuple[Integers, Integers]:
    """An order of the monomials ``columns`` (degree x n) by class, and where each class begins in it.

    A variable number of D stands for nothing.
    """
    codes = np.append(sign_codes(flat), np.uint64(0))
    code = codes[columns[0]]
    for row in columns[1:]:
        code = code ^ codes[row]
    order = np.argsort(code, kind="stable")
    return order, np.flatnonzero(starts(code[order]))
