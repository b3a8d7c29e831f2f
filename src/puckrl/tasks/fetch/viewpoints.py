"""Name the places from which cameras look at the Fetch table."""

from puckrl.sim.viewpoints import Viewpoint, orbit

VIEWPOINTS: dict[str, Viewpoint] = {
    # The whole table, an object of about 6 pixels at 64 x 64, little occlusion.
    "side": Viewpoint((1.34, -0.05, 1.05), (1.34, 0.75, 0.42), 38.0),
    "corner": Viewpoint((1.95, 0.10, 1.05), (1.34, 0.75, 0.42), 34.0),
    "front": Viewpoint((2.05, 0.75, 1.05), (1.33, 0.75, 0.42), 38.0),
    # Wide enough for objects up to half a meter above the table.
    "side-tall": Viewpoint((1.34, -0.35, 0.95), (1.34, 0.75, 0.58), 36.0),
    "front-tall": Viewpoint((2.40, 0.75, 0.95), (1.34, 0.75, 0.58), 36.0),
    # gymnasium-robotics' own view, from far away: the object is 3-4 pixels at 84 x 84.
    "reference": orbit((1.3, 0.75, 0.55), 2.5, 132.0, -14.0, 45.0),
    # On the side of the hand away from the robot; fingers point along its x. It shows
    # what is near and in front of them, and nothing of what lies behind.
    "wrist": Viewpoint(
        (-0.10, 0.0, 0.12), (0.05, 0.0, 0.06), 90.0, "robot0:gripper_link"
    ),
    # Arm, table and goal: made for videos.
    "film": Viewpoint((2.30, -0.32, 1.20), (1.26, 0.76, 0.53), 31.0),
}
