package org.tinyaudiossl.demo.federation

import kotlin.test.Test
import kotlin.test.assertEquals

class FederationJobTest {
    @Test
    fun `the job waits for a charger, an unmetered network and a phone that nobody uses`() {
        val asked = FederationJob.info(FederationJob()).asked
        val expected = mapOf(
            "setPeriodic" to 15 * 60_000L,
            "setRequiresCharging" to true,
            "setRequiresDeviceIdle" to true,
            "setRequiredNetworkType" to 2, // android.app.job.JobInfo.NETWORK_TYPE_UNMETERED
            "setPersisted" to true,
        )
        assertEquals<Map<String, Any>>(expected, asked)
    }
}
