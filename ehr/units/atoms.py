"""The units and prefixes of UCUM that occur in records, each defined by others as the specification does.

Source: the Unified Code for Units of Measure, version 2.2, https://ucum.org (tables 1 to 24); a test holds every
entry against the machine-readable table of the specification. Four kinds of unit are kept apart from numbers here
although UCUM counts them as numbers or as moles, so that no value is converted into something that it is not:
`mol`, `eq`, `osm` and `U` are dimensions of their own (the analyte says how they relate, see quantities.py), and so
is every arbitrary unit such as `[IU]` and every field of view.
"""

from fractions import Fraction
from typing import Final

PREFIXES: Final[dict[str, Fraction]] = {
    name: Fraction(10) ** power
    for name, power in {
        "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15,
        "a": -18,
    }.items()
}  # fmt: skip
"""Prefix -> what it multiplies with. Those beyond stay out: in a record `EU` is no exa-unit and `PG` no petagauss."""

BASES: Final = (
    "m", "s", "g", "rad", "K", "C", "cd", "mol", "eq", "osm", "U", "[IU]", "[pH]", "B", "Np", "[HPF]", "[LPF]",
)  # fmt: skip
"""Atoms that nothing else defines; all but [pH] and the fields of view take prefixes. Arbitrary units come on top."""

ARBITRARY: Final = (
    "[arb'U]", "[USP'U]", "[GPL'U]", "[MPL'U]", "[APL'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]", "[dye'U]",
    "[smgy'U]", "[bdsk'U]", "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[CCID_50]", "[TCID_50]", "[EID_50]",
    "[PFU]", "[FFU]", "[CFU]", "[IR]", "[BAU]", "[AU]", "[Amb'a'1'U]", "[PNU]", "[Lf]", "[D'ag'U]", "[FEU]",
    "[ELU]", "[EU]", "[hnsf'U]", "[NTU]", "[FNU]",
)  # fmt: skip
"""Units defined by a procedure: each converts into nothing but itself."""

_METRIC: Final[dict[str, tuple[str, str]]] = {
    # number, unit: SI and what is used with it
    "sr": ("1", "rad2"), "Hz": ("1", "s-1"), "N": ("1000", "g.m/s2"), "Pa": ("1", "N/m2"), "J": ("1", "N.m"),
    "W": ("1", "J/s"), "A": ("1", "C/s"), "V": ("1", "J/C"), "F": ("1", "C/V"), "Ohm": ("1", "V/A"),
    "S": ("1", "Ohm-1"), "mho": ("1", "S"), "Wb": ("1", "V.s"), "T": ("1", "Wb/m2"), "H": ("1", "Wb/A"),
    "lm": ("1", "cd.sr"), "lx": ("1", "lm/m2"), "Bq": ("1", "s-1"), "Gy": ("1", "J/kg"),
    "Sv": ("1", "J/kg"), "l": ("1", "dm3"), "L": ("1", "dm3"), "ar": ("100", "m2"), "t": ("1000", "kg"),
    "bar": ("100000", "Pa"), "eV": ("1.60217733e-19", "J"), "gf": ("9.80665", "g.m/s2"),
    "[g]": ("9.80665", "m/s2"), "kat": ("60000000", "U"), "st": ("1", "m3"),
    "dyn": ("1", "g.cm/s2"), "erg": ("1", "dyn.cm"), "P": ("1", "dyn.s/cm2"), "St": ("1", "cm2/s"),
    "G": ("0.0001", "T"), "Gal": ("1", "cm/s2"), "Ky": ("1", "cm-1"), "Ci": ("37000000000", "Bq"),
    "R": ("0.000258", "C/kg"), "RAD": ("100", "erg/g"), "REM": ("1", "RAD"),
    "cal_[15]": ("4.1858", "J"), "cal_[20]": ("4.1819", "J"), "cal_m": ("4.19002", "J"), "cal_IT": ("4.1868", "J"),
    "cal_th": ("4.184", "J"), "cal": ("1", "cal_th"), "m[H2O]": ("9.80665", "kPa"), "m[Hg]": ("133.322", "kPa"),
    "g%": ("1", "g/dL"),
}  # fmt: skip

_PLAIN: Final[dict[str, tuple[str, str]]] = {
    # numbers
    "10*": ("10", "1"), "10^": ("10", "1"), "%": ("0.01", "1"), "[ppth]": ("0.001", "1"), "[ppm]": ("1e-6", "1"),
    "[ppb]": ("1e-9", "1"), "[pptr]": ("1e-12", "1"),
    "[pi]": ("3.14159265358979323846264338327950288", "1"),
    # angle and time
    "deg": ("2", "[pi].rad/360"), "gon": ("0.9", "deg"), "'": ("1", "deg/60"), "''": ("1", "'/60"),
    "circ": ("2", "[pi].rad"), "sph": ("4", "[pi].sr"),
    "min": ("60", "s"), "h": ("60", "min"), "d": ("24", "h"), "wk": ("7", "d"), "a_t": ("365.24219", "d"),
    "a_j": ("365.25", "d"), "a_g": ("365.2425", "d"), "a": ("1", "a_j"), "mo_s": ("29.53059", "d"),
    "mo_j": ("1", "a_j/12"), "mo_g": ("1", "a_g/12"), "mo": ("1", "mo_j"),
    # length, area, volume
    "[in_i]": ("2.54", "cm"), "[ft_i]": ("12", "[in_i]"), "[yd_i]": ("3", "[ft_i]"), "[mi_i]": ("5280", "[ft_i]"),
    "[nmi_i]": ("1852", "m"), "[fth_i]": ("6", "[ft_i]"), "[kn_i]": ("1", "[nmi_i]/h"), "[sin_i]": ("1", "[in_i]2"),
    "[sft_i]": ("1", "[ft_i]2"), "[syd_i]": ("1", "[yd_i]2"), "[cin_i]": ("1", "[in_i]3"),
    "[cft_i]": ("1", "[ft_i]3"), "[cyd_i]": ("1", "[yd_i]3"), "Ao": ("0.1", "nm"),
    "[gal_us]": ("231", "[cin_i]"), "[qt_us]": ("1", "[gal_us]/4"), "[pt_us]": ("1", "[qt_us]/2"),
    "[gil_us]": ("1", "[pt_us]/4"), "[foz_us]": ("1", "[gil_us]/4"), "[fdr_us]": ("1", "[foz_us]/8"),
    "[min_us]": ("1", "[fdr_us]/60"), "[cup_us]": ("16", "[tbs_us]"), "[tbs_us]": ("1", "[foz_us]/2"),
    "[tsp_us]": ("1", "[tbs_us]/3"), "[cup_m]": ("240", "mL"), "[foz_m]": ("30", "mL"), "[tbs_m]": ("15", "mL"),
    "[tsp_m]": ("5", "mL"), "[gal_br]": ("4.54609", "l"), "[qt_br]": ("1", "[gal_br]/4"),
    "[pt_br]": ("1", "[qt_br]/2"), "[gil_br]": ("1", "[pt_br]/4"), "[foz_br]": ("1", "[gil_br]/5"),
    # mass
    "[gr]": ("64.79891", "mg"), "[lb_av]": ("7000", "[gr]"), "[oz_av]": ("1", "[lb_av]/16"),
    "[dr_av]": ("1", "[oz_av]/16"), "[stone_av]": ("14", "[lb_av]"),
    "[pwt_tr]": ("24", "[gr]"), "[oz_tr]": ("20", "[pwt_tr]"),
    "[lb_tr]": ("12", "[oz_tr]"), "[sc_ap]": ("20", "[gr]"), "[dr_ap]": ("3", "[sc_ap]"),
    "[oz_ap]": ("8", "[dr_ap]"), "[lb_ap]": ("12", "[oz_ap]"), "[car_m]": ("0.2", "g"),
    # force, pressure, heat
    "[lbf_av]": ("1", "[lb_av].[g]"), "[psi]": ("1", "[lbf_av]/[sin_i]"), "atm": ("101325", "Pa"),
    "att": ("1", "kgf/cm2"), "[in_i'H2O]": ("1", "m[H2O].[in_i]/m"), "[in_i'Hg]": ("1", "m[Hg].[in_i]/m"),
    "[degR]": ("1", "5.K/9"), "[Cal]": ("1", "kcal_th"), "[Btu_th]": ("1.05435", "kJ"), "[Btu]": ("1", "[Btu_th]"),
    "[Btu_IT]": ("1.05505585262", "kJ"), "[HP]": ("550", "[ft_i].[lbf_av]/s"),
    # clinical
    "[PRU]": ("1", "mm[Hg].s/mL"), "[wood'U]": ("1", "mm[Hg].min/L"), "[diop]": ("1", "m-1"), "[Ch]": ("1", "mm/3"),
    "[drp]": ("1", "mL/20"), "[MET]": ("3.5", "mL/min/kg"), "[S]": ("1e-13", "s"),
    "[iU]": ("1", "[IU]"),
}  # fmt: skip

DEFINED: Final[dict[str, tuple[str, str]]] = _METRIC | _PLAIN
"""Atom -> the number and the UCUM expression that it stands for."""

SPECIAL: Final[dict[str, tuple[Fraction, Fraction]]] = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "[degRe]": (Fraction(5, 4), Fraction("273.15")),
}
"""Temperatures with a zero of their own: kelvin = value * first + second. They stand alone, never in a product."""

METRIC: Final = frozenset(_METRIC) | (frozenset(BASES) - {"[pH]", "[HPF]", "[LPF]"}) | {"[iU]"}
"""Atoms that take a prefix."""

ATOMS: Final = frozenset(DEFINED) | frozenset(BASES) | frozenset(ARBITRARY)
"""All atoms of ratio scale."""
