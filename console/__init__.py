"""The web page that the ingress serves: capture, verdict, review. Static files, no build step."""
