package org.tinyaudiossl.demo.participation

/** What a phone may spend on a federation in one day; the user sees and changes both. */
data class Limits(val minutes: Int = 60, val megabytes: Int = 50) {
    val ms: Long get() = 60_000L * minutes
    val bytes: Long get() = 1_000_000L * megabytes

    companion object {
        /** The steps of the screen's sliders. */
        const val STEP_MINUTES = 10
        const val STEP_MEGABYTES = 10
    }
}

/** What a phone has spent on one day, a number of the calendar such as 20261129. */
data class Spent(val day: Int, val ms: Long = 0, val bytes: Long = 0) {

    /** Whether the limits leave room for [more] bytes. */
    fun fits(limits: Limits, more: Long = 0): Boolean = ms < limits.ms && bytes + more <= limits.bytes
}
