package org.tinyaudiossl.demo

import android.Manifest.permission.RECORD_AUDIO
import android.app.Activity
import android.app.AlertDialog
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** When the user is asked, and what they are told. */
class MicrophonePermissionTest {
    private val log = ArrayList<Any>()
    private val activity = Activity(log)
    private var starts = 0
    private val permission = MicrophonePermission(activity) { starts++ }
    private val question = listOf(RECORD_AUDIO)

    private fun dialog() = log.last() as AlertDialog.Builder

    @Test
    fun `who has granted it is not asked`() {
        activity.granted = true
        permission.ask()
        assertEquals(1 to emptyList<Any>(), starts to log)
    }

    @Test
    fun `the first time it is asked at once, and listening begins with the answer`() {
        permission.ask()
        assertEquals(0 to listOf<Any>(question), starts to log)
        activity.granted = true
        assertTrue(permission.answered(intArrayOf(0)))
        assertEquals(1, starts)
    }

    @Test
    fun `after a refusal the settings are offered, and the next question says why`() {
        permission.ask()
        assertFalse(permission.answered(intArrayOf(-1)))
        assertEquals(R.string.microphone_refused, dialog().message)
        activity.refusedBefore = true
        permission.ask()
        assertEquals(R.string.why_microphone, dialog().message)
        dialog().agree()
        assertEquals(question, log.last())
        assertEquals(0, starts)
    }

    @Test
    fun `a question that was interrupted is no refusal`() {
        permission.ask()
        assertTrue(permission.answered(IntArray(0)))
        assertEquals(0 to listOf<Any>(question), starts to log)
    }
}
