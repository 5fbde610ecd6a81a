package org.tinyaudiossl.demo.participation

/** Whether a phone takes part, and if not, what is missing: the first that applies. */
enum class Standing {
    /** The user has not agreed. */
    OFF,
    NOT_ENROLLED,

    /** The app has no training artifact, or another than that of the enrollment. */
    OTHER_MODEL,
    NO_CLIPS,

    /** One of the day's limits is reached, or leaves no room for a round. */
    SPENT,

    /** For the charger, an unmetered network and a phone that nobody uses. */
    WAITING,
    ;

    companion object {
        /**
         * @param artifactSha256 of the app's own training artifact; null: it has none.
         * @param roundBytes of one round.
         */
        fun of(membership: Membership, artifactSha256: String?, roundBytes: Long, clips: Int): Standing {
            val enrollment = membership.enrollment
            return when {
                !membership.agreed -> OFF
                enrollment == null -> NOT_ENROLLED
                enrollment.artifactSha256 != artifactSha256 -> OTHER_MODEL
                clips == 0 -> NO_CLIPS
                !membership.spent.fits(membership.limits, roundBytes) -> SPENT
                else -> WAITING
            }
        }
    }
}
