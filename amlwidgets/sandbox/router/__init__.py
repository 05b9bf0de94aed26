"""The router in front of a cluster's services: replicas, a queue with a wait limit, time-outs, an autoscaler."""
