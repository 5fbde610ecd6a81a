package org.tinyaudiossl.federated.device

import java.io.IOException
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.tinyaudiossl.federated.fleet.FleetException
import org.tinyaudiossl.federated.fleet.NotActivatedException
import org.tinyaudiossl.federated.fleet.Run
import org.tinyaudiossl.federated.fleet.UnavailableException
import org.tinyaudiossl.federated.fleet.UntrustedServerException
import org.tinyaudiossl.federated.fleet.WrongClockException
import org.tinyaudiossl.federated.records.RecordException

class KnownRunTest {
    private val defaults = mapOf(
        "task" to "temporal-gap",
        "artifact-sha256" to "",
        "secure-aggregation" to false,
        "privacy" to "none",
        "norm" to "local",
        "train-only" to "",
        "encoding" to "float32",
        "max-weight" to 1000L,
    )
    private val known = KnownRun("tiny-audio-ssl/app", "0.1.0", "temporal-gap", "ab12", defaults)
    private val settings = mapOf("artifact-sha256" to "ab12", "norm" to "frozen")
    private val run = Run(1, known.appId, known.appVersion, 1, settings)

    private fun refusal(run: Run): String =
        assertFailsWith<RunRefusedException> { known.settingsOf(run) }.message.orEmpty()

    @Test
    fun aKnownRunsSettingsReplaceTheAppsOwn() {
        val found = known.settingsOf(run.copy(settings = settings + ("encoding" to "int8")))
        assertEquals(Encoding.INT8, found.encoding)
        assertEquals(1000L, found.maxWeight)
    }

    @Test
    fun otherRunsAreRefusedAndTheReasonNamesBoth() {
        assertEquals(
            "the run's app is other/app; this device takes part only with tiny-audio-ssl/app",
            refusal(run.copy(appId = "other/app")),
        )
        assertTrue("0.2.0" in refusal(run.copy(appVersion = "0.2.0")))
        assertTrue("cpc" in refusal(run.copy(settings = settings + ("task" to "cpc"))))
        assertTrue("cd34" in refusal(run.copy(settings = settings + ("artifact-sha256" to "cd34"))))
        assertTrue("names no artifact-sha256" in refusal(run.copy(settings = settings - "artifact-sha256")))
    }

    @Test
    fun everyErrorHasTheReasonThatAnAppSays() {
        fun reason(run: Run) = Reason.of(assertFailsWith<RunRefusedException> { known.settingsOf(run) })
        assertEquals(Reason.OTHER_APP, reason(run.copy(appVersion = "0.2.0")))
        assertEquals(Reason.OTHER_MODEL, reason(run.copy(settings = settings + ("task" to "cpc"))))
        assertEquals(Reason.UNSUPPORTED, reason(run.copy(settings = settings + ("train-only" to "encoder"))))
        val errors = mapOf(
            RecordException("damaged") to Reason.BAD_MESSAGE,
            UnavailableException("gone") to Reason.UNREACHABLE,
            UntrustedServerException("expired", IOException()) to Reason.UNTRUSTED,
            NotActivatedException("not registered") to Reason.UNKNOWN_KEY,
            WrongClockException("behind") to Reason.WRONG_CLOCK,
            FleetException("error 500") to Reason.SERVER_FAULT,
            IOException("disk full") to Reason.DEVICE_FAULT,
        )
        for ((error, expected) in errors) assertEquals(expected, Reason.of(error))
    }

    @Test
    fun whatThisDeviceCannotDoIsRefused() {
        val asked = mapOf(
            "norm" to "local",
            "train-only" to "encoder",
            "a-new-setting" to 1L,
        )
        for ((key, value) in asked) {
            assertTrue(key in refusal(run.copy(settings = settings + (key to value))), key)
        }
    }

    @Test
    fun secureAggregationSendsWholeNumbersOfUpdatesThatAreClippedByAFixedNorm() {
        val secure = settings + ("secure-aggregation" to true)
        assertTrue(known.settingsOf(run.copy(settings = secure)).isSecure)
        for (other in listOf("encoding" to "int8", "privacy" to "central-adaptive")) {
            assertTrue("it takes float32" in refusal(run.copy(settings = secure + other)))
        }
    }

    @Test
    fun aSettingOfAnotherTypeOrChoiceIsRefused() {
        assertTrue("task" in refusal(run.copy(settings = settings + ("task" to 3L))))
        val odd = known.settingsOf(run.copy(settings = settings + ("encoding" to "int4")))
        assertFailsWith<RunRefusedException> { odd.encoding }
    }
}
