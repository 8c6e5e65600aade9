"""What data really see of a ReLU network in one region of its parameters, decided exactly (docs/region.md)."""

from ._file import read_region as read_region
from ._gradients import data_gradients as data_gradients
from ._laws import RegionLaw as RegionLaw
from ._laws import pair_balance as pair_balance
from ._map import region_map as region_map
from ._region import Region as Region
from ._report import Neuron as Neuron
from ._report import RegionReport as RegionReport
from ._report import seen_by_data as seen_by_data
from ._show import region_lines as region_lines
from ._show import region_record as region_record
