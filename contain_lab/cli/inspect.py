"""`contain-lab inspect NAME ...`: all that is known of containers, as JSON."""

import argparse
import json

from contain_lab.engine import records, telling


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="a container's name, or the beginning of its id")


def main(options: argparse.Namespace) -> int:
    """Print a list, with an object for each."""
    found = [records.find(name) for name in options.names]
    print(json.dumps([telling.document(record, records.read_config(record), records.config_path(record))
                      for record in found], indent=2))
    return 0
