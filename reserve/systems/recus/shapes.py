"""The fields of answers of recus that were recorded; written by `python -m tests.shapes`."""

SHAPES = {
    "GET /v1/locations/availability": """
data data.archivedAt data.id data.lat data.lng data.name data.organizationId distance location
location.accessInfo location.courts location.courts.allowPrivateLessons
location.courts.allowedReservationDurations location.courts.allowedReservationDurations.minutes
location.courts.amenities location.courts.amenities.amenityTagIds location.courts.archivedAt
location.courts.availableSlots location.courts.bufferMinutesBetweenReservations
location.courts.capacity location.courts.config location.courts.config.bookingPolicies
location.courts.config.bookingPolicies.isActive location.courts.config.bookingPolicies.slots
location.courts.config.bookingPolicies.slots.dayOfWeek
location.courts.config.bookingPolicies.slots.endTimeLocal
location.courts.config.bookingPolicies.slots.startTimeLocal
location.courts.config.bookingPolicies.type location.courts.config.deposits
location.courts.config.pricing location.courts.config.pricing.default
location.courts.config.pricing.default.cents location.courts.config.pricing.default.type
location.courts.config.pricing.rules location.courts.courtNumber location.courts.createdAt
location.courts.defaultReservationWindowDays location.courts.description
location.courts.descriptionMd location.courts.glCode location.courts.id location.courts.images
location.courts.images.mainGallery location.courts.images.map location.courts.isInstantBookable
location.courts.lat location.courts.lng location.courts.locationId
location.courts.maxReservationTime location.courts.noReservationText location.courts.overlaps
location.courts.overlaps.courtNumber location.courts.overlaps.id location.courts.publishedAt
location.courts.reservationBufferMinutesOverride location.courts.reservationReleaseTimeLocal
location.courts.reservationWindows location.courts.reservationWindows.courtId
location.courts.reservationWindows.groupId location.courts.reservationWindows.id
location.courts.reservationWindows.maxHours location.courts.reservationWindows.minHours
location.courts.reservationWindows.organizationId
location.courts.reservationWindows.releaseTimeLocal location.courts.rulesMd
location.courts.slots location.courts.slots.dayOfWeek location.courts.slots.openFrom
location.courts.slots.openTo location.courts.slots.type location.courts.sports
location.courts.sports.courtId location.courts.sports.currency location.courts.sports.id
location.courts.sports.price location.courts.sports.sportId location.courts.taxBps
location.courts.type location.courts.updatedAt location.createdAt
location.defaultReservationWindow location.description location.formattedAddress
location.gettingThereInfo location.groupReservationWindow location.hoursOfOperation location.id
location.images location.images.detail location.images.mainGallery location.images.smallGallery1
location.images.smallGallery2 location.images.thumbnail location.instructorReservationReleaseDay
location.instructorReservationReleaseTimeLocal location.lat location.lng location.name
location.noReservationText location.organization location.organization.config
location.organization.id location.organization.name location.organization.slug
location.organizationId location.placeId location.playGuidelines
location.privateLessonReservationWindow location.regions location.reservationBuffer
location.reservationReleaseTimeLocal location.reservationRequiresVerification
location.reservationWindowExtendingGroupId location.tags location.timezone location.updatedAt
meta meta.pg meta.pg.num meta.pg.size meta.pg.totalResults
""",
    "GET /v1/locations/*": """
distance location location.accessInfo location.courts location.courts.allowPrivateLessons
location.courts.allowedReservationDurations location.courts.allowedReservationDurations.minutes
location.courts.amenities location.courts.amenities.amenityTagIds location.courts.archivedAt
location.courts.availableSlots location.courts.bufferMinutesBetweenReservations
location.courts.capacity location.courts.config location.courts.config.bookingPolicies
location.courts.config.bookingPolicies.isActive location.courts.config.bookingPolicies.slots
location.courts.config.bookingPolicies.slots.dayOfWeek
location.courts.config.bookingPolicies.slots.endTimeLocal
location.courts.config.bookingPolicies.slots.startTimeLocal
location.courts.config.bookingPolicies.type location.courts.config.deposits
location.courts.config.pricing location.courts.config.pricing.default
location.courts.config.pricing.default.cents location.courts.config.pricing.default.type
location.courts.config.pricing.rules location.courts.courtNumber location.courts.createdAt
location.courts.defaultReservationWindowDays location.courts.description
location.courts.descriptionMd location.courts.glCode location.courts.id location.courts.images
location.courts.images.mainGallery location.courts.images.map location.courts.isInstantBookable
location.courts.lat location.courts.lng location.courts.locationId
location.courts.maxReservationTime location.courts.noReservationText location.courts.overlaps
location.courts.overlaps.courtNumber location.courts.overlaps.id location.courts.publishedAt
location.courts.reservationBufferMinutesOverride location.courts.reservationReleaseTimeLocal
location.courts.reservationWindows location.courts.reservationWindows.courtId
location.courts.reservationWindows.groupId location.courts.reservationWindows.id
location.courts.reservationWindows.maxHours location.courts.reservationWindows.minHours
location.courts.reservationWindows.organizationId
location.courts.reservationWindows.releaseTimeLocal location.courts.rulesMd
location.courts.slots location.courts.slots.dayOfWeek location.courts.slots.openFrom
location.courts.slots.openTo location.courts.slots.type location.courts.sports
location.courts.sports.courtId location.courts.sports.currency location.courts.sports.id
location.courts.sports.price location.courts.sports.sportId location.courts.taxBps
location.courts.type location.courts.updatedAt location.createdAt
location.defaultReservationWindow location.description location.formattedAddress
location.gettingThereInfo location.groupReservationWindow location.hoursOfOperation location.id
location.images location.images.detail location.images.mainGallery location.images.smallGallery1
location.images.smallGallery2 location.images.thumbnail location.instructorReservationReleaseDay
location.instructorReservationReleaseTimeLocal location.lat location.lng location.name
location.noReservationText location.organization location.organization.config
location.organization.id location.organization.name location.organization.slug
location.organizationId location.placeId location.playGuidelines
location.privateLessonReservationWindow location.regions location.reservationBuffer
location.reservationReleaseTimeLocal location.reservationRequiresVerification
location.reservationWindowExtendingGroupId location.tags location.timezone location.updatedAt
""",
    "GET /v1/locations/*/schedule": """
classes dates dates.* dates.*.courtNumber dates.*.schedule dates.*.schedule.*
dates.*.schedule.*.referenceId dates.*.schedule.*.referenceLabel
dates.*.schedule.*.referenceType dates.*.sports dates.*.sports.id dates.*.sports.name
facilityRentals instructors reservations reservations.* reservations.*.capacity
reservations.*.classId reservations.*.courts reservations.*.doNotMarket
reservations.*.facilityRentalId reservations.*.groupsOnly reservations.*.guestPrice
reservations.*.id reservations.*.instructorId reservations.*.linkedReservationId
reservations.*.locationId reservations.*.paid reservations.*.reservationCost
reservations.*.reservationCostCurrency reservations.*.reservationType reservations.*.sessionId
reservations.*.users reservations.*.visibility sessions users users.* users.*.firstName
users.*.id users.*.image users.*.lastName users.*.primarySportId users.*.skillLevel
""",
    "GET /v1/users/me": """
email firebaseUserId firstName formattedAddress householdId id isInstructor lastName memberships
organizationRoles phone profile recId role skillLevel
""",
    "GET /v1/users/*/bookings": """
data data.cancelReason data.canceledAt data.canceledByUserId data.createdAt data.creatorUserId
data.customerUserId data.facilityRentalId data.id data.isFastTrack data.linkedReservationId
data.organizationId data.participantUserId data.sectionId data.sessionId data.status
data.timeStatus data.type data.updatedAt included included.reservationSiteIds
included.reservationSiteIds.* included.reservations included.reservations.canceledAt
included.reservations.endsAt included.reservations.facilityRentalId included.reservations.id
included.reservations.locationId included.reservations.reservationCost
included.reservations.reservationCostCurrency included.reservations.reservationTimestampRange
included.reservations.reservationType included.reservations.startsAt included.sites
included.sites.courtNumber included.sites.id included.sites.locationId included.sites.type meta
meta.pg meta.pg.num meta.pg.size meta.pg.totalResults
""",
    "GET /v1/bookings/*": """
data data.booking data.booking.cancelReason data.booking.canceledAt
data.booking.canceledByUserId data.booking.createdAt data.booking.creatorUserId
data.booking.customerUserId data.booking.facilityRentalId data.booking.id
data.booking.isFastTrack data.booking.linkedReservationId data.booking.organizationId
data.booking.participantUserId data.booking.sectionId data.booking.sessionId data.booking.status
data.booking.timeStatus data.booking.type data.booking.updatedAt data.cancelReason
data.canceledAt data.canceledByUserId data.createdAt data.creatorUserId data.customerUserId
data.facilityRentalId data.id data.isFastTrack data.linkedReservationId data.organizationId
data.participantUserId data.sectionId data.sessionId data.status data.timeStatus data.type
data.updatedAt included included.facilityRental included.facilityRental.bookingType
included.facilityRental.canceledAt included.facilityRental.id included.facilityRental.name
included.facilityRental.status included.locations included.locations.id included.locations.name
included.locations.timezone included.reservationSiteIds included.reservationSiteIds.*
included.reservations included.reservations.canceledAt included.reservations.endsAt
included.reservations.facilityRentalId included.reservations.id included.reservations.locationId
included.reservations.reservationCost included.reservations.reservationCostCurrency
included.reservations.reservationTimestampRange included.reservations.reservationType
included.reservations.startsAt included.sites included.sites.courtNumber included.sites.id
included.sites.locationId included.sites.type
""",
    "POST /v1/accounts:signInWithPassword": """
displayName email expiresIn idToken localId refreshToken
""",
}
