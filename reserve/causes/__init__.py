"""Why a run ended as it did: `facts` that outlive it, the `cause` that they show, and `words` for people."""
