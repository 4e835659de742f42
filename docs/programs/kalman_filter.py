"""A Kalman filter gives the likelihood of two variances, and its gradient finds them: the level of the Nile.

Source: Durbin and Koopman, Time series analysis by state space methods (2012), sections 2.2 and 2.10: variances 15,099
and 1,469.1, log likelihood −632.5, from the flow at Aswan in 1871 to 1970.
"""

import numpy as np
from scipy.optimize import minimize

import flowgraph as fg

FIGURE = "log likelihood of the Nile's flow (published: −632.5)"
FLOW = np.fromstring(
    """
    1120 1160 963 1210 1160 1160 813 1230 1370 1140 995 935 1110 994 1020 960 1180 799 958 1140 1100 1210 1150 1250
    1260 1220 1030 1100 774 840 874 694 940 833 701 916 692 1020 1050 969 831 726 456 824 702 1120 1100 832 764 821
    768 845 864 862 698 845 744 796 1040 759 781 865 845 944 984 897 822 1010 771 676 649 846 812 742 801 1040 860
    874 848 890 744 749 838 1050 918 986 797 923 975 815 1020 906 901 1170 912 746 919 718 714 740
    """,
    sep=" ",
)


def network():
    p = fg.Input("p", shape=(2,))  # logarithms of the variances of a measurement and of a year's change of level
    y = fg.Input("y", shape=("T",))
    noise, change = np.exp(p[0]), np.exp(p[1])

    def year(state, flow):
        level, variance = state
        surprise, total = flow - level, variance + noise
        gain = variance / total
        after = level + gain * surprise, variance * (1 - gain) + change
        return after, -0.5 * (np.log(2 * np.pi * total) + surprise**2 / total)

    _, densities = fg.scan(year, (y[0], noise + change), y[1:])
    return fg.sum(densities), p


def main(small=False):
    likelihood, p = network()
    plan = fg.compile([-likelihood, *fg.gradient(-likelihood, [p])])
    flow = FLOW[:20] if small else FLOW
    found = minimize(lambda p: plan(p=p, y=flow), np.full(2, np.log(np.var(flow))), jac=True, method="BFGS")
    return np.exp(found.x), -found.fun


def picture():
    return fg.Graph(network()[0])


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
