"""Run by test_paho_publisher: connects, says so, and waits to be killed.    python publisher_child.py PORT"""

from __future__ import annotations

import sys
import time

from edge.adapters.paho_publisher import BrokerSettings, PahoPublisher

publisher = PahoPublisher(BrokerSettings("lobby-1", host="127.0.0.1", port=int(sys.argv[1])))
while not publisher.connected:
    time.sleep(0.01)
print("connected", flush=True)
time.sleep(600)
