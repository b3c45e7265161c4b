"""Models on other machines: a backend that asks replicas on a Ray Serve cluster.

    server process                     link process             cluster
    backend.py  --- messages.py --->   dispatcher.py  --------> replica.py, on each machine

Ray ends the process of a client that loses its cluster. It therefore runs in a process of its
own, the link, and the server starts a new one when that happens. Only the link imports Ray.
"""
