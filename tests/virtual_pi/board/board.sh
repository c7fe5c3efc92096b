#!/bin/sh
# The pins of a Pi, simulated: 54 lines, of which the beam's (GPIO17) is pulled up as its resistor does.
set -eu
modprobe gpio-sim-board
bank=/sys/kernel/config/gpio-sim/board/bank
mkdir -p "$bank"
echo 54 >"$bank/num_lines"
echo pinctrl-bcm2835 >"$bank/label"
echo 1 >/sys/kernel/config/gpio-sim/board/live
lines=/sys/devices/platform/$(cat /sys/kernel/config/gpio-sim/board/dev_name)/$(cat "$bank/chip_name")
ln -sfn "$lines" /run/pins
echo pull-up >/run/pins/sim_gpio17/pull
# under which numbers the tracer knows them
chip=$(grep -lx pinctrl-bcm2835 /sys/class/gpio/gpiochip*/label)
cp "${chip%label}base" /run/first-line
# udev's rule may come later than the service
chown root:gpio /dev/gpiochip0
chmod 0660 /dev/gpiochip0
